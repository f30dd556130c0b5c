"""Password_PBKDF2: a new password's hash, right in form."""

from collections.abc import Mapping

from qbdoctor.api import Edit, Effectiveness, Fix, Input, Observations, Secret, inputvalues, make_hash

SETTING = "Password_PBKDF2"


def plan(_seen: Observations, _cause: str | None, given: Mapping[str, Secret]) -> tuple[Edit, ...]:
    """Return the one edit, with a new salt each time."""
    return (Edit(SETTING, make_hash(given["password"])),)


def forbids(_seen: Observations, via: str, _given: Mapping[str, Secret]) -> str:
    """Refuse it live: the Web API takes a password and never gives the hash back that was there before."""
    if via == "api":
        return (
            "the Web API takes a password and cannot put the old hash back, so it could not be taken back: stop "
            "qBittorrent and use --via file, or have it restarted with --restart."
        )
    return ""


def judge(_before: Observations, after: Observations, given: Mapping[str, Secret]) -> Effectiveness:
    """Judge by the login with the new password, where one was made since."""
    if after.has("sign_in") and after.sign_in.outcome == "accepted" and after.asked.password == given["password"]:
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
    forbids=forbids,
    inputs=(Input("password", "the new password", inputvalues.new_password, secret=True),),
    changes="Password_PBKDF2, masked wherever it is shown",
    about=(
        "Writes the hash that qBittorrent itself would (PBKDF2-HMAC-SHA512, 100,000 rounds, a random salt of 16 bytes, a key of "
        "64) into the config of a stopped qBittorrent, or of a running one with --restart, which also ends every session and "
        "every ban. "
        "The password is asked for twice at the terminal, or made up there and shown once, or read from "
        "--new-password-file; it needs six characters, and nothing but the hash is kept. It is not made through the Web API, "
        "which never gives the old hash, so it could not be taken back; whoever has a session and wants to change it live "
        "does so under Options, Web UI, Authentication. Releases before 4.2 keep the password in another form and are not served."
    ),
)
