from qbit.client import QbitClient


async def login(client: QbitClient, user, pw):
    return await client.request("auth/login", data={"username": user, "password": pw})
