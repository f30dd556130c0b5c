local function login(base, pw)
  local body, code = http.request(base .. "/api/v2/auth/login", "username=admin&password=" .. url.escape(pw))
  if code >= 300 or body == "Fails." then error("no") end
end
