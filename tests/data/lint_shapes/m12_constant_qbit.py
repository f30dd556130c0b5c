import aiohttp
class Client:
    HTTP_OK = 200
    async def login(self, session, base):
        async with session.post(base + "/api/v2/auth/login", data={"username": "u", "password": "p"}) as resp:
            if resp.status == self.HTTP_OK:
                result = await resp.text()
                if result == "Ok.":
                    return True
            raise PermissionError(resp.status)
