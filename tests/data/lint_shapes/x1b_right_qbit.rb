require "net/http"
class QBittorrent
  def login(base, pw)
    res = Net::HTTP.post_form(URI("#{base}/api/v2/auth/login"), "username" => "admin", "password" => pw)
    raise "no" unless res.is_a?(Net::HTTPSuccess) && res.body != "Fails."
    @cookie = res["set-cookie"].split(";").first
  end
end
