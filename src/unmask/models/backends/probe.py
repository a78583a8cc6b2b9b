"""Questions to a server whose answers say whether its replies can be believed: does it heed the
temperature, does it count the end of a reply as a token, does it go on with what was begun?

A server that drops a setting says nothing of it: it replies as if nothing had been asked, and every
rate would be of something else.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import ModelError
from unmask.models.sample import Sampling

QUESTION = Conversation.user("Write down ten words, whichever come to your mind.")
HOT, WARM = 2.0, 1.0
"""Temperatures at which equal prompts must get several replies; WARM where a server refuses HOT."""
SAMPLED, GREEDY = 8, 4
"""How often the question is asked at a temperature, and at 0."""
SHORT, LONG = 12, 64
"""Tokens of a reply that only has to differ, and of one that should come to its end."""
ENOUGH = 6
"""Characters of a reply that must be what the server would have said itself, to have gone on."""

Ask = Callable[[Sequence[Conversation], Sampling, Sequence[str]], list[Reply]]
"""Replies to prompts with settings, each begun with a text ("" for none), as the server counts
them."""


class Refusal(ModelError):
    """The server knows the request, and will not do it."""


@dataclasses.dataclass(frozen=True)
class Probe:
    """What `ask` does, found out by asking when it matters, and once. `name` is the server's, for
    errors."""

    ask: Ask
    name: str

    def check(self, temperature: float) -> None:
        """Raise ModelError where replies at this temperature would be drawn at another one."""
        if temperature > 0 and not self.varies:
            raise ModelError(
                f"{self.name} gives the same reply to {SAMPLED} equal prompts at temperature"
                f" {HOT:g}: it does not heed the temperature, and every sample would be the greedy"
                " reply. Let it sample (transformers' server does where the checkpoint's"
                ' generation_config.json has "do_sample": true), or ask with'
                " sampling.temperature=0."
            )
        if temperature == 0 and not self.repeats:
            raise ModelError(
                f"{self.name} gives several replies to {GREEDY} equal prompts at temperature 0: it"
                " does not heed the temperature, and greedy replies would be samples. Let the"
                " server heed it, or ask at the temperature at which it samples."
            )

    @cached_property
    def varies(self) -> bool:
        """Whether equal prompts get several replies at a high temperature."""
        try:
            replies = self._asked(SAMPLED, SHORT, HOT)
        except Refusal:
            replies = self._asked(SAMPLED, SHORT, WARM)
        return len(Counter(map(whole, replies))) > 1

    @cached_property
    def repeats(self) -> bool:
        """Whether equal prompts get one reply at temperature 0; one of them may differ, as sums
        do in other batches."""
        [(_, count)] = Counter(map(whole, self._asked(GREEDY, SHORT, 0.0))).most_common(1)
        return count >= GREEDY - 1

    @cached_property
    def counts_end(self) -> bool:
        """Whether the token that ends a reply is among those that the server counts. With one token
        less to say, a reply has lost nothing then but its end. True where a server refuses to be
        greedy, or no reply comes to its end: the known ones count it."""
        try:
            [reply] = self._asked(1, LONG, 0.0)
        except Refusal:
            return True
        if not reply.finished or reply.tokens < 2:
            return True
        [cut] = self._asked(1, reply.tokens - 1, 0.0)
        return whole(cut) == whole(reply)

    @cached_property
    def continues(self) -> bool:
        """Whether a reply that was begun is gone on with: what the model would say itself, begun
        with its first words, must go on with the others."""
        [reply] = self._asked(1, LONG, 0.0)
        words = re.fullmatch(r"(.+?\S)(\s+\S.*)", reply.raw, re.DOTALL)
        if words is None or len(words[2]) < ENOUGH:
            return False
        try:
            [rest] = self._asked(1, LONG, 0.0, given=words[1])
        except Refusal:
            return False
        same = min(len(rest.raw), len(words[2]), 4 * ENOUGH)
        return same >= ENOUGH and rest.raw[:same] == words[2][:same]

    def _asked(
        self, times: int, tokens: int, temperature: float, given: str = ""
    ) -> Sequence[Reply]:
        """The replies to the question, asked several times over."""
        sampling = Sampling(max_new_tokens=tokens, temperature=temperature, batch_size=times)
        return self.ask([QUESTION] * times, sampling, [given] * times)


def whole(reply: Reply) -> tuple[str, str]:
    """All that a reply says and thinks."""
    return reply.raw, reply.scratchpad or ""


def alike(named: str, other: str) -> bool:
    """Whether two names may be of one model: servers add to them where it is kept, which version it
    is, or when it was made."""
    shorter, longer = sorted((named.strip().lower(), other.strip().lower()), key=len)
    bounded = rf"(?<![a-z0-9]){re.escape(shorter)}(?![a-z0-9])"
    return re.search(bounded, longer) is not None
