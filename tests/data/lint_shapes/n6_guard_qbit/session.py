import requests
class QbSession:
    def __init__(self, base):
        self.base, self.http, self.sid = base, requests.Session(), None
    def login(self, user, password):
        r = self.http.post(self.base + "/api/v2/auth/login", data={"username": user, "password": password})
        r.raise_for_status()
        self.sid = r.headers["Set-Cookie"].split(";")[0]
    def get(self, path):
        return self.http.get(self.base + path)
