"""How far two runs of the same frames agree on the persons in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from genesis.events import Person, PersonDetected

FrameId = tuple[str, str, int]
Found = Mapping[FrameId, Sequence[Person]]


class Agreement(msgspec.Struct, frozen=True):
    """The comparison of two runs.

    Attributes:
        frames: frames that both runs saw.
        only_first: frames that only the first saw; `only_second` likewise.
        same_count: frames in which both found the same number of persons.
        identical: frames in which boxes and confidences are the same to the digit.
        persons_first: persons of the first run in the common frames; `persons_second` likewise.
        matched: pairs of persons whose boxes overlap by at least `iou`.
        iou: the overlap that counts as a match.
        mean_iou: of the matched pairs.
        worst: the frames that disagree most, camera and number, most unmatched persons first.
    """

    frames: int
    only_first: int
    only_second: int
    same_count: int
    identical: int
    persons_first: int
    persons_second: int
    matched: int
    iou: float
    mean_iou: float
    worst: tuple[tuple[str, int, int], ...] = ()

    @property
    def share(self) -> float:
        """Matched persons as a share of all persons of both runs (1 when neither found any)."""
        total = self.persons_first + self.persons_second
        return 2 * self.matched / total if total else 1.0


def match(first: Sequence[Person], second: Sequence[Person], iou: float) -> list[float]:
    """Pair persons of two runs, best overlap first, each once; return the overlaps that reach `iou`."""
    pairs = sorted(((a.box.iou(b.box), i, j) for i, a in enumerate(first) for j, b in enumerate(second)), reverse=True)
    left, right, found = set(range(len(first))), set(range(len(second))), []
    for overlap, i, j in pairs:
        if overlap < iou:
            break
        if i in left and j in right:
            left.remove(i)
            right.remove(j)
            found.append(overlap)
    return found


def agreement(first: Found, second: Found, iou: float = 0.9) -> Agreement:
    """Compare two runs frame by frame."""
    common = sorted(set(first) & set(second))
    overlaps: list[float] = []
    same_count = identical = 0
    differing = []
    for frame in common:
        a, b = first[frame], second[frame]
        found = match(a, b, iou)
        overlaps += found
        same_count += len(a) == len(b)
        identical += list(a) == list(b)
        if unmatched := len(a) + len(b) - 2 * len(found):
            differing.append((unmatched, frame))
    differing.sort(key=lambda row: (-row[0], row[1]))
    return Agreement(
        frames=len(common),
        only_first=len(first) - len(common),
        only_second=len(second) - len(common),
        same_count=same_count,
        identical=identical,
        persons_first=sum(len(first[frame]) for frame in common),
        persons_second=sum(len(second[frame]) for frame in common),
        matched=len(overlaps),
        iou=iou,
        mean_iou=sum(overlaps) / len(overlaps) if overlaps else 1.0,
        worst=tuple((camera, number, unmatched) for unmatched, (camera, _, number) in differing[:10]),
    )


def by_frame(events: Sequence[PersonDetected], *, sessions: bool = True) -> dict[FrameId, tuple[Person, ...]]:
    """Index persons by camera, session and number of the frame.

    Args:
        events: of one run.
        sessions: False where the two runs read the recording each for itself, so that their sessions differ.
    """
    return {(event.camera, event.session if sessions else "", event.number): event.persons for event in events}
