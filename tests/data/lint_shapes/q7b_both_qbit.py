import requests


def stop_all(base, user, word):
    session = requests.Session()
    answer = session.post(f"{base}/api/v2/auth/login", data={"username": user, "password": word})
    answer.raise_for_status()
    answer = session.post(f"{base}/api/v2/torrents/stop", data={"hashes": "all"})
    if answer.status_code == 404:
        session.post(f"{base}/api/v2/torrents/pause", data={"hashes": "all"})
