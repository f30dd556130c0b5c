"""Checks that a call that changes something works. Only when it was asked for."""

from qbdoctor.api import Check, Comparison, Evidence, Finding, Judgement, Observations, WriteProbe, arrived_whole


def judge(seen: Observations) -> Judgement:
    """Judge the probe that --write-probe asks for."""
    if not seen.asked.write_probe:
        return Judgement("skip", "No write was tried", "--write-probe was not given")
    probe = seen.write_probe
    if probe is None:
        return Judgement("unknown", "No write was tried", "there is no session to make it with")
    large = _too_large(seen, probe)
    if probe.problem:
        return Judgement("unknown", "The write probe did not come out", probe.problem, findings=large)
    if large:
        return Judgement("warn", f"A call of 2 MB does not get through ({probe.sizes[0].status})", findings=large)
    before, during, after = probe.counts
    return Judgement(
        "pass", f"A torrent was added and removed: {before}, {during}, {after} torrents ({probe.ms:.0f} ms)"
    )


def _too_large(seen: Observations, probe: WriteProbe) -> tuple[Finding, ...]:
    """Whether the same call gets through small, and as large as a torrent file it does not: a warning, since the rest works."""
    if len(probe.sizes) < 2 or probe.sizes[0].status != 413 or not arrived_whole(probe.sizes[1]):
        return ()
    large, small = probe.sizes
    shows = "qBittorrent itself answers the small one: something in front refuses the large one for its size"
    made = Comparison("size", "the size of the request (2 MB, some bytes)", large, small, True, shows)
    text = (
        f"Through {seen.target.address.url} no request of 2 MB gets through (413): adding large torrent files fails there, "
        "though the login and small calls work"
    )
    return (Finding("request-too-large", "proven", text, (Evidence.experiment(made),), "warning", {"proxy": "yes"}),)


CHECK = Check(
    id="write-probe",
    title="A call that changes something",
    order=140,
    judge=judge,
    causes=("request-too-large",),
    about=(
        "With --write-probe only. Adds a magnet link with a random hash and no tracker, stopped, so that it can never start; "
        "sees the number of torrents go from n to n+1; removes it and sees n again. It is removed whatever happens in "
        "between, an interrupt included. It shows that torrents/add works with this session: what remains is the client. Where "
        "something may stand in front, a call that changes nothing is sent with 2 MB and without: 413 for the large one alone "
        "is request-too-large."
    ),
)
