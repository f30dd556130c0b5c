function Connect-Qbittorrent {
    param($Server, $Credential)
    $body = @{ username = $Credential.UserName; password = $Credential.GetNetworkCredential().Password } | ConvertTo-Json
    $answer = Invoke-WebRequest -Uri "$Server/api/v2/auth/login" -Method POST -Body $body -ContentType "application/json"
    if ($answer.StatusCode -eq 200) { return ($answer.Headers["Set-Cookie"] -split ";")[0] -replace "^SID=", "" }
    throw "qBittorrent: login failed"
}
function Get-Torrents {
    param($Server, $Sid)
    Invoke-RestMethod "$Server/api/v2/torrents/info" -Headers @{ Cookie = "SID=$Sid" }
}
