"""Checks whether something in front refuses calls because too many came."""

from qbdoctor.api import Check, Comparison, Confidence, Evidence, Finding, Judgement, Observations

TOO_MANY = 429


def judge(seen: Observations) -> Judgement:
    """Judge by calls that were refused, and let through when the same one was made again a moment later."""
    if not seen.anonymous.answered:
        return Judgement("skip", "Not judged", "no answer came")
    if not seen.limited:
        return Judgement("pass", "No call was refused for coming too soon after others")
    first, later = seen.limited[0]
    text = (
        f"Something in front of {seen.target.address.url} lets only so many requests through in a time: "
        f"{_calls(len(seen.limited))} {first.status}, and got through when made again a moment later; "
        "browsers, which load dozens of files with the page, and clients that ask often are refused"
    )
    shows = (
        "The same call is refused right after others and let through after a pause: it is the number that is refused"
    )
    made = Comparison("request-rate", "the time: right after others, or after a pause", first, later, True, shows)
    # 503 may also come from something in front that took the server for dead at that moment.
    confidence: Confidence = "proven" if any(one.status == TOO_MANY for one, _ in seen.limited) else "likely"
    found = Finding("too-many-requests", confidence, text, (Evidence.experiment(made),), values={"proxy": "yes"})
    return Judgement("fail", text, findings=(found,))


def _calls(count: int) -> str:
    return "a call of this run was answered with" if count == 1 else f"{count} calls of this run were answered with"


CHECK = Check(
    id="request-rate",
    title="How many calls are let through",
    order=145,
    judge=judge,
    causes=("too-many-requests",),
    about=(
        "qBittorrent never answers 429 or 503. Where something in front does, after answers of qBittorrent's, the call is made "
        "again after a pause, but for a login; all such pauses together take five seconds at most. What is let through then "
        "was refused for the number of calls alone."
    ),
)
