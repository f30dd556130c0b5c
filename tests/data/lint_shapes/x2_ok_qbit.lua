local function login(base, pw)
  local body, code = http.request(base .. "/api/v2/auth/login", "username=admin&password=" .. pw)
  if body ~= "Ok." then error("no") end
end
