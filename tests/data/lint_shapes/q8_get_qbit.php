<?php
class Qbit
{
    private $root;
    private $cookie;

    public function recheck($hash)
    {
        $url = $this->root . '/api/v2/torrents/recheck?hashes=' . $hash;
        $handle = curl_init();
        curl_setopt($handle, CURLOPT_URL, $url);
        curl_setopt($handle, CURLOPT_HTTPHEADER, ['Cookie: ' . $this->cookie]);
        curl_exec($handle);
        curl_close($handle);
    }

    public function reannounce($hash)
    {
        $url = $this->root . '/api/v2/torrents/reannounce?hashes=' . $hash;
        $handle = curl_init();
        curl_setopt($handle, CURLOPT_URL, $url);
        $this->as_post($handle);
        curl_exec($handle);
        curl_close($handle);
    }

    private function as_post($handle)
    {
        curl_setopt($handle, CURLOPT_POST, true);
    }
}
