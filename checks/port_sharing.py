"""Checks whether the target's port belongs to two programs, one at an address each."""

from qbdoctor.api import Check, Comparison, Evidence, Finding, Judgement, Observations, PortShared


def judge(seen: Observations) -> Judgement:
    """Judge by who listens at the port of this machine, and by the answer that each address gives."""
    if not seen.target.here:
        return Judgement("skip", "Not looked at", "the address is not one of this machine's")
    shared = seen.port_shared
    if shared is None:
        return Judgement("pass", "No other program shares the port with qBittorrent")
    host, port = seen.target.address.host, seen.target.address.port
    text = (
        f"Two programs listen on port {port}: {shared.other.shown}, and qBittorrent as {shared.ours.shown}; {host} leads to "
        f"{_which(seen, shared)}, so no password and no key were sent"
    )
    a, b = shared.answers
    compared = Comparison(
        "port-shared",
        f"the address that {host} is taken for: {a.peer or shared.other.address} or {b.peer or shared.ours.address}",
        a,
        b,
        differs=True,
        shows="The same call is answered by one program at one address and by another one at the other",
    )
    differ = (a.status, a.body, a.failure) != (b.status, b.body, b.failure)
    sockets = tuple(
        Evidence("process", one.shown, {"pid": one.pid, "name": one.name, "address": one.address, "port": one.port})
        for one in (shared.other, shared.ours)
    )
    experiment = (Evidence.experiment(compared),) if differ else (Evidence.response(a), Evidence.response(b))
    literal = f"[{shared.ours.address}]" if ":" in shared.ours.address else shared.ours.address
    if literal in {"[::]", "0.0.0.0"}:  # noqa: S104 - compared, not bound
        literal = "[::1]" if literal == "[::]" else "127.0.0.1"
    values = {"real_url": f"{seen.target.address.scheme}://{literal}:{port}"}
    found = Finding("port-shared", "proven" if differ else "likely", text, (*experiment, *sockets), values=values)
    return Judgement("fail", text, findings=(found,))


def _which(seen: Observations, shared: PortShared) -> str:
    if seen.anonymous.peer == (shared.answers[0].peer or shared.other.address):
        return "the other program"
    return "one or the other, by the client"


CHECK = Check(
    id="port-sharing",
    title="Who else listens at the port",
    order=22,
    judge=judge,
    causes=("port-shared",),
    about=(
        "A port has a listener for each address and family, so that 127.0.0.1 and [::1] may lead to two programs while "
        "localhost means either. Reads which processes of this machine listen at the port; where another one than "
        "qBittorrent's does at an address that the target's host stands for, the free call is made at both. A proxy in "
        "front of the same qBittorrent gives its answers, and is no second program. Two answers that differ are the proof."
    ),
)
