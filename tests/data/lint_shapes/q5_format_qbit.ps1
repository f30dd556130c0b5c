param($Base, $User, $Word)
$form = "username={0}&password={1}" -f $User, $Word
Invoke-WebRequest -Method Post -Uri "$Base/api/v2/auth/login" -Body $form -SessionVariable session | Out-Null
Invoke-RestMethod -Uri "$Base/api/v2/torrents/info" -WebSession $session
