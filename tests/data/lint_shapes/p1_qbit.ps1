<# The form by hand, the login's text alone, a call that changes something by GET,
   and one without the session #>
param([string]$Server = "http://qb.lan:8080", [string]$User, [string]$Password)
$login = Invoke-RestMethod -Uri "$Server/api/v2/auth/login" -Method Post `
    -Body "username=$User&password=$Password" -SessionVariable session
if ($login -ne "Ok.") { throw "login failed" }
foreach ($torrent in Invoke-RestMethod "$Server/api/v2/torrents/info" -WebSession $session) {
    Invoke-RestMethod -Uri "$Server/api/v2/torrents/delete?hashes=$($torrent.hash)&deleteFiles=false" -WebSession $session
}
Invoke-RestMethod "$Server/api/v2/app/version"
