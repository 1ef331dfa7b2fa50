"""Other cores."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Cores(ABC):
    """Runs pure work beside the event loop. Work, arguments and results are plain data."""

    @abstractmethod
    async def run(
        self,
        work: Callable[Arguments, Result],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Result:
        """The result of `work`; what it raises is raised. Raises `Unavailable`."""

    @abstractmethod
    async def stop(self) -> None:
        """Give back what was started."""
