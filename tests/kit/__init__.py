"""The live test kit: real qBittorrent servers, and things that go wrong in front of them."""
