"""What clients were told about their starts, beside what the apps executed. Pure: no clock, no network.

    verdict = reconcile(starts, executions)      # starts: list[Start], executions: list[Execution]
    verdict.of[7]                                # {"ghost"}: words for start number 7
    verdict.count("duplicate"), verdict.misses()

The words, of which a start may earn several:

- once        accepted, and it ran once              - refused     told that it did not run, and it did not
- completed   accepted, and seen as completed        - unknown     told that nobody knows
- ghost       told that it failed or did not run,    - failed      told something that is neither of the above,
              but it ran                                           or accepted and later shown as failed
- duplicate   ran more than once                     - unanswered  told nothing: the proxy died; it may run, once
- lost        accepted, never ran                    - stranded    accepted, not final when the clients went home
- misnamed    ran, or was answered, under an id that is not its own

An execution is a start's by its unique payload, so that one which was never answered is found as well.
"""

from __future__ import annotations

import collections
import dataclasses

ACCEPTED, REFUSED, UNKNOWN, FAILED, UNANSWERED = "accepted", "refused", "unknown", "failed", "unanswered"
WORDS = ("once", "completed", "refused", "unknown", "failed", "unanswered", "ghost", "duplicate", "lost", "stranded", "misnamed")
GOOD_POLLS = (200, 202, 503)  # final, not yet, its region is away


@dataclasses.dataclass
class Start:
    """One start as its client saw it; one that was repeated is still one start."""

    number: int  # stands in its payload
    said: str = UNANSWERED  # the last word about the start itself
    detail: str = ""  # status or error, for the eye
    given_id: str = ""  # chosen by the client
    id: str = ""  # of the answer
    final: str = ""  # runtimeStatus of the last poll, if that was final
    unconfirmed: bool = False  # accepted before it was known to run
    answer_ms: float = 0.0  # from the first request to the last word
    requests: int = 1
    polls: collections.Counter = dataclasses.field(default_factory=collections.Counter)  # by status or error
    stale: int = 0  # polls answered with the last known status
    slowest_poll_ms: float = 0.0
    wrong_urls: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Execution:
    """One accepted start in a task hub: an id that ran twice is two of these."""

    number: int | None  # of the start in whose payload it stands; None: nobody's
    id: str
    hub: str = ""
    status: str = ""


@dataclasses.dataclass
class Verdict:
    of: dict[int, set[str]]
    runs: dict[int, list[Execution]]
    nobodys: list[Execution]
    polls: collections.Counter
    starts: dict[int, Start]

    def count(self, word: str) -> int:
        return sum(word in words for words in self.of.values())

    def counts(self) -> dict[str, int]:
        return {word: self.count(word) for word in WORDS}

    def accepted(self) -> int:
        return sum(start.said == ACCEPTED for start in self.starts.values())

    def not_found_polls(self) -> int:
        return self.polls[404]

    def odd_polls(self) -> dict:
        """Polls that were neither answered well nor told that the region is away; the 404s apart."""
        return {status: n for status, n in self.polls.items() if status not in (*GOOD_POLLS, 404)}

    def wrong_urls(self) -> list[str]:
        return [url for start in self.starts.values() for url in start.wrong_urls]

    def slowest_ms(self) -> float:
        return max((start.answer_ms for start in self.starts.values()), default=0.0)

    def answer_ms(self, share: float) -> float:
        """The time within which that share of the starts had an answer."""
        times = sorted(start.answer_ms for start in self.starts.values())
        return times[min(len(times) - 1, int(share * len(times)))] if times else 0.0

    def examples(self, word: str, most: int = 3) -> str:
        found = [number for number, words in sorted(self.of.items()) if word in words]
        told = [f"{n} ({self.starts[n].detail or self.starts[n].said}, ran {len(self.runs.get(n, ()))}x)" for n in found[:most]]
        return ", ".join(told) + (", …" if len(found) > most else "")

    def misses(self) -> list[str]:
        """What was promised and not kept."""
        found = [f"{self.count(word)} {word}: {self.examples(word)}"
                 for word in ("failed", "ghost", "duplicate", "lost", "stranded", "misnamed") if self.count(word)]
        if not self.accepted():
            found.append("no start was accepted")
        elif self.count("completed") != self.accepted():
            found.append(f"{self.accepted() - self.count('completed')} of {self.accepted()} accepted did not complete")
        if self.not_found_polls():
            found.append(f"{self.not_found_polls()} polls answered 404")
        if self.odd_polls():
            found.append(f"polls answered {self.odd_polls()}")
        if self.wrong_urls():
            found.append(f"{len(self.wrong_urls())} wrong URLs: {self.wrong_urls()[0]}")
        if self.nobodys:
            found.append(f"{len(self.nobodys)} executions of nobody's: {self.nobodys[0].id}")
        return found


def words_of(start: Start, runs: list[Execution]) -> set[str]:
    words = set()
    if len(runs) > 1:
        words.add("duplicate")
    if start.said == ACCEPTED:
        if not start.final:
            words.add("stranded")
        elif start.final == "Completed":
            if any(run.status == "Completed" for run in runs):
                words.add("completed")
        else:  # no payload of ours fails or is terminated
            words.add("failed")
            if runs:
                words.add("ghost")
        if len(runs) == 1:
            words.add("once")
        if not runs and "failed" not in words:
            words.add("lost")
    elif start.said in (REFUSED, FAILED):
        words.add(start.said if start.said == FAILED or not runs else "ghost")
        if runs:
            words.add("ghost")
    else:
        words.add(start.said)
    own = start.id or start.given_id
    if own and any(run.id != own for run in runs) or (start.id and start.given_id and start.id != start.given_id):
        words.add("misnamed")
    return words


def reconcile(starts: list[Start], executions: list[Execution]) -> Verdict:
    by_number: dict[int, Start] = {}
    for start in starts:
        if start.number in by_number:
            raise ValueError(f"two starts have the number {start.number}")
        by_number[start.number] = start
    runs: dict[int, list[Execution]] = {}
    nobodys = []
    for execution in executions:
        if execution.number in by_number:
            runs.setdefault(execution.number, []).append(execution)
        else:
            nobodys.append(execution)
    words = {number: words_of(start, runs.get(number, [])) for number, start in by_number.items()}
    polls = sum((start.polls for start in starts), collections.Counter())
    return Verdict(words, runs, nobodys, polls, by_number)
