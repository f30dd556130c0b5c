"""GET /api/v2/torrents/info?filter=resumed in a docstring is none."""
import requests, os
s = requests.Session()
r = s.post(os.environ["QB"] + "/api/v2/auth/login", data={"username": "admin", "password": os.environ["PW"]})
r.raise_for_status()
for t in s.get(os.environ["QB"] + "/api/v2/torrents/info", params={"filter": "paused"}).json():
    s.post(os.environ["QB"] + "/api/v2/torrents/delete", data={"hashes": t["hash"], "deleteFiles": "true"})
