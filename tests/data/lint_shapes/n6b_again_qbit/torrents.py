from session import QbSession
class Torrents:
    def __init__(self, session: QbSession):
        self.session = session
    def all(self):
        if not self.session.sid:
            self.session.login("admin", "secret")
        r = self.session.get("/api/v2/torrents/info")
        if r.status_code == 403:
            self.session.sid = None
            return self.all()
        return r.json()
