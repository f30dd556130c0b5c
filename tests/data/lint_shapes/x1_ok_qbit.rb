require "net/http"
class QBittorrent
  def login(base, pw)
    res = Net::HTTP.post_form(URI("#{base}/api/v2/auth/login"), "username" => "admin", "password" => pw)
    raise "no" unless res.body == "Ok."
    @sid = res["set-cookie"][/SID=([^;]+)/, 1]
  end

  def version(http)
    http.get("/api/v2/app/version", "Cookie" => "SID=#{@sid}").body
  end
end
