"""Checks that a call that changes something works. Only when it was asked for."""

from qbdoctor.api import Check, Judgement, Observations


def judge(seen: Observations) -> Judgement:
    """Judge the probe that --write-probe asks for."""
    if not seen.asked.write_probe:
        return Judgement("skip", "No write was tried", "--write-probe was not given")
    probe = seen.write_probe
    if probe is None:
        return Judgement("unknown", "No write was tried", "there is no session to make it with")
    if probe.problem:
        return Judgement("unknown", "The write probe did not come out", probe.problem)
    before, during, after = probe.counts
    return Judgement(
        "pass", f"A torrent was added and removed: {before}, {during}, {after} torrents ({probe.ms:.0f} ms)"
    )


CHECK = Check(
    id="write-probe",
    title="A call that changes something",
    order=140,
    judge=judge,
    causes=(),
    about=(
        "With --write-probe only. Adds a magnet link with a random hash and no tracker, stopped, so that it can never start; "
        "sees the number of torrents go from n to n+1; removes it and sees n again. It is removed whatever happens in "
        "between, an interrupt included. It shows that torrents/add works with this session: what remains is the client."
    ),
)
