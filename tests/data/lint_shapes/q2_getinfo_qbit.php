<?php
function open_session($base, $user, $word)
{
    $url = $base . '/api/v2/auth/login';
    $handle = curl_init();
    curl_setopt($handle, CURLOPT_URL, $url);
    curl_setopt($handle, CURLOPT_HEADER, true);
    curl_setopt($handle, CURLOPT_POSTFIELDS, http_build_query(['username' => $user, 'password' => $word]));
    curl_setopt($handle, CURLOPT_RETURNTRANSFER, true);
    $answer = curl_exec($handle);
    $about = curl_getinfo($handle);
    if ($about['http_code'] != '200') {
        exit('wrong password');
    }
    preg_match('/^set-cookie:\s*([^;]+)/im', $answer, $found);
    return $found[1];
}

function torrents($base, $cookie)
{
    $url = $base . '/api/v2/torrents/info';
    $handle = curl_init();
    curl_setopt($handle, CURLOPT_URL, $url);
    curl_setopt($handle, CURLOPT_HTTPHEADER, ['Cookie: ' . $cookie]);
    curl_setopt($handle, CURLOPT_RETURNTRANSFER, true);
    $answer = curl_exec($handle);
    $about = curl_getinfo($handle);
    if ($about['http_code'] != '200') {
        exit('no list');
    }
    return json_decode($answer, true);
}
