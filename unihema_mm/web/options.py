"""Settings and limits of the page."""

from dataclasses import dataclass

from unihema_mm.utils.errors import InputError

LOOPBACK = ('127.0.0.1', 'localhost', '::1')
# As in the data sets of the paper.
PROMPTS = (
    'complete blood count',
    'Malaria',
    'Leukemia',
    'Sickle cell disease',
    'Anemia',
    'white blood cell',
    'red blood cell',
)
LOWEST_SCORE = 0.05  # cells from here on are kept, so that the threshold can change without the model


@dataclass(frozen=True)
class PageOptions:
    """Settings and limits of the page.

    Attributes:
        samples: Folder of sample pictures; drawn ones by default.
        score: Score threshold at the start, 0.05 to 0.95.
        prompts: Choices of the prompt; any other may be typed.
        max_file_mb: Largest uploaded file, megabytes.
        max_megapixels: Largest picture; told from the header, before it is decoded.
        max_pictures: Pictures of one visitor.
        max_seconds: Longest time of one picture or question.
        max_queue: Requests that may wait.
        max_visitors: Visitors whose pictures are kept; the one idle for longest has to go.
        max_storage_mb: Most that uploads and results may take on the disk, megabytes.
        keep_minutes: How long pictures and results of an idle visitor are kept.
        login: User name and password; none by default.
        allowed_hosts: Names by which the page may be reached; by default those of the loopback interface
            where it is bound to that, any otherwise.

    Raises:
        InputError: A limit is not positive, or the score is out of range.
    """

    samples: str | None = None
    score: float = 0.3
    prompts: tuple[str, ...] = PROMPTS
    max_file_mb: float = 50
    max_megapixels: float = 50
    max_pictures: int = 50
    max_seconds: float = 300
    max_queue: int = 20
    max_visitors: int = 20
    max_storage_mb: float = 4000
    keep_minutes: float = 60
    login: tuple[str, str] | None = None
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if (name.startswith('max_') or name == 'keep_minutes') and not value > 0:
                raise InputError(f'web page: {name}: is {value!r}; give a number above 0')
        if not LOWEST_SCORE <= self.score <= 0.95:
            raise InputError(f'web page: score: is {self.score!r}; give {LOWEST_SCORE} to 0.95')
        if self.login is not None and not all(self.login):
            raise InputError('web page: login: user name or password is empty; give both')
