"""Sets a new password: its hash in Password_PBKDF2, right in form; live, the server makes it."""

from collections.abc import Mapping

from qbdoctor.api import Edit, Effectiveness, Fix, Input, Observations, Secret, hashed, inputvalues

SETTING = "Password_PBKDF2"


def plan(_seen: Observations, _cause: str | None, given: Mapping[str, Secret]) -> tuple[Edit, ...]:
    """Return the one edit, with a new salt each time."""
    return (Edit(SETTING, hashed(given["password"])),)


def judge(before: Observations, after: Observations, given: Mapping[str, Secret]) -> Effectiveness:
    """Judge by the login with the new password, where one was made since."""
    made = after.has("sign_in") and not (before.has("sign_in") and before.sign_in is after.sign_in)
    if made and after.sign_in.outcome == "accepted" and after.password == given["password"]:
        return Effectiveness(True, "the login with the new password is accepted")
    return Effectiveness(None, "no login with the new password was made")


FIX = Fix(
    id="set-password",
    title="A new password for the Web UI",
    order=90,
    answers=("malformed-password-hash", "temporary-password", "default-credentials", "wrong-credentials"),
    effect="keeps",
    plan=plan,
    judge=judge,
    inputs=(Input("password", "the new password", inputvalues.new_password, secret=True),),
    changes="Password_PBKDF2, masked wherever it is shown",
    about=(
        "Writes the hash that qBittorrent itself would (PBKDF2-HMAC-SHA512, 100,000 rounds, a random salt of 16 bytes, a key of "
        "64) into the config of a stopped qBittorrent, or of a running one that it may restart for that (--restart), which also "
        "ends every session and every ban. A running one that we have a session with is given the password through its Web "
        "API instead, where its config file is at hand: there the old hash is read, and there the new one must then be. The Web "
        "API does not take a hash, so the old one is put back only in the file, while qBittorrent is stopped or with rollback "
        "--restart. "
        "The password is asked for twice at the terminal, or made up there and shown once, or read from "
        "--new-password-file; it needs six characters, and nothing but hashes is kept. "
        "Releases before 4.2 keep the password in another form and are not served."
    ),
)
