"""The target's request units, spent evenly: a bucket that refills at the container's rate and is corrected by charges.

Each request reserves what such a request cost lately and pays the difference afterwards, so many may be under way
without running into 429s; a 429 that comes all the same (someone else spends too) empties the bucket for as long as the
service says.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Budget:
    """rate: RU/s that may be spent. Times are monotonic seconds, given by the caller.

    The bucket holds a tenth of a second at most: Cosmos DB counts by the second, so a larger one would throttle.
    """

    rate: float
    level: float = 0.0
    seen: float = 0.0
    typical: float = 6.0
    blocked_until: float = 0.0
    spent: float = 0.0
    throttled: int = 0
    requests: int = 0

    def reserve(self, now: float) -> float:
        """Take what a request will cost; returns how many seconds to wait before sending it (0: now)."""
        self.level = (
            min(self.rate / 10, self.level + (now - self.seen) * self.rate) if self.seen else self.rate / 10
        )
        self.seen = now
        self.level -= self.typical
        return max(self.blocked_until - now, -self.level / self.rate if self.level < 0 else 0.0)

    def paid(self, reserved: float, charge: float) -> None:
        """The answer came: correct the reservation by the charge, and learn from it."""
        self.level += reserved - charge
        self.spent += charge
        self.requests += 1
        self.typical += (charge - self.typical) / 32

    def refused(self, reserved: float, now: float, retry_after: float) -> None:
        """A 429 came: it cost nothing, and nobody sends before `retry_after` seconds have passed."""
        self.level += reserved
        self.throttled += 1
        self.requests += 1
        self.blocked_until = max(self.blocked_until, now + retry_after)
