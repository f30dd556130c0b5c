import aiohttp


class QbitClient:
    def __init__(self, base, http=None):
        if http is None:
            http = aiohttp.ClientSession()
        self._http, self.base = http, base

    async def request(self, path, **kw):
        async with self._http.request("POST", f"{self.base}/api/v2/{path}", **kw) as r:
            return await r.read()
