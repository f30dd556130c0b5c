from session import QbSession
class Torrents:
    def __init__(self, session: QbSession):
        self.session = session
    def all(self):
        if not self.session.sid:
            self.session.login("admin", "secret")
        r = self.session.get("/api/v2/torrents/info")
        r.raise_for_status()
        return r.json()
