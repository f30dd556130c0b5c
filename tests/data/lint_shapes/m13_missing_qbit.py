import requests
class Qbit:
    def login(self):
        answer = self.ask("POST", "/api/v2/auth/login", data={"username": self.user, "password": self.password})
        body = (answer.text if answer is not None else "").strip()
        if body != "Ok.":
            raise RuntimeError("login failed")
    def ask(self, method, path, **fields):
        try:
            return requests.request(method, self.base + path, **fields)
        except requests.ConnectionError:
            return None
