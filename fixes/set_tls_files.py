"""Sets the certificate and key for https."""

from collections.abc import Mapping

from qbdoctor.api import Edit, Effectiveness, Fix, Input, Observations, inputvalues

CERTIFICATE, KEY = "HTTPS/CertificatePath", "HTTPS/KeyPath"


def plan(_seen: Observations, _cause: str | None, given: Mapping[str, str]) -> tuple[Edit, ...]:
    """Return both edits."""
    return (Edit(CERTIFICATE, given["certificate"]), Edit(KEY, given["key"]))


def forbids(_seen: Observations, via: str, _given: Mapping[str, str]) -> str:
    """Refuse it live: qBittorrent loads the files at once, and goes from http to https or back with what it finds."""
    if via == "api":
        return (
            "qBittorrent would load the files at once and may change between http and https by what it finds, which would "
            "end the connection that the change is made over: stop it and use --via file, or have it restarted with --restart."
        )
    return ""


def judge(before: Observations, after: Observations, _given: Mapping[str, str]) -> Effectiveness:
    """Judge by whether https is answered."""
    https = after.target.address.scheme == "https"
    if https and after.anonymous.answered:
        if not before.anonymous.answered:
            return Effectiveness(True, "https had no answer before and has one now")
        return Effectiveness(None, "https is answered, as before")
    return Effectiveness(None, "whether they can be loaded shows at the next start")


FIX = Fix(
    id="set-tls-files",
    title="Another certificate and key for https",
    order=80,
    answers=("https-fallback",),
    effect="keeps",
    plan=plan,
    judge=judge,
    forbids=forbids,
    inputs=(
        Input("certificate", "the certificate's file, PEM", inputvalues.file_path),
        Input("key", "the file of its unencrypted key, PEM", inputvalues.file_path),
    ),
    changes="HTTPS\\CertificatePath and HTTPS\\KeyPath, as told with --set certificate=FILE --set key=FILE",
    about=(
        "Names the certificate (PEM, with the chain in one file) and the key that belongs to it (PEM, without a "
        "passphrase) by their paths as qBittorrent sees them, which in a container are its own. Whether HTTPS is on at "
        "all is left as it is. qBittorrent's user must be able to read both; the check says of files that can be seen from "
        "here whether they load and belong together. Releases before 4.2 keep the texts themselves in the config."
    ),
)
