const base = process.env.QB;
// /api/v2/torrents/info?filter=resumed
export async function stopped(cookie) {
  const r = await fetch(`${base}/api/v2/torrents/info?filter=stopped&sort=name`, { headers: { Cookie: cookie } });
  return r.json();
}
