# The form by the cmdlet, any success that is not `Fails.`, the session with each call
param([string]$Server = "http://qb.lan:8080", [string]$User, [string]$Password)
$form = @{ username = $User; password = $Password }
$login = Invoke-WebRequest "$Server/api/v2/auth/login" -Method Post -Body $form -SessionVariable session -UseBasicParsing
if ($login.StatusCode -ne 204 -and $login.Content -ne "Ok.") { throw "login failed" }
$escaped = [uri]::EscapeDataString($User)
Invoke-RestMethod "$Server/api/v2/torrents/stop" -Method Post -WebSession $session -Body @{ hashes = "all" }
Invoke-RestMethod "$Server/api/v2/torrents/info?tag=$escaped" -WebSession $session | ForEach-Object { $_.name }
