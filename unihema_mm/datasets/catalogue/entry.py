"""What the catalogue says about one public data set."""

from dataclasses import dataclass, field

from unihema_mm.structures.attribute_values import AttributeValues, load_attribute_values

UNKNOWN = 'unknown'
NO_CONVERTER = 'none'


@dataclass(frozen=True)
class ExpectedCounts:
    """Counts that a full conversion has.

    Attributes:
        exact: Whether a difference is an error; else it is reported.
        images: Number of images, or split -> number.
        objects: Number of objects, or class -> number; ``None`` where it is not compared.
        image_classes: Class -> number of images; ``None`` where it is not compared.
        masks: Prompt -> number of images with that mask target; ``None`` where it is not compared.
        source: Where the numbers stand; empty where they were counted on the data themselves.
    """

    exact: bool
    images: int | dict[str, int]
    objects: int | dict[str, int] | None = None
    image_classes: dict[str, int] | None = None
    masks: dict[str, int] | None = None
    source: str = ''

    @property
    def num_images(self) -> int:
        """Number of images in all splits."""
        return sum(self.images.values()) if isinstance(self.images, dict) else self.images


@dataclass(frozen=True)
class CatalogueEntry:
    """What is known about one data set; ``'unknown'`` where it is not.

    Attributes:
        name: Short name, the one of the command line.
        classes: Class name of the source -> class name of the taxonomy, in the order of the categories; empty
            where the tasks need no classes, and where a set without converter does not tell them.
        converter: Name of the format, see :mod:`unihema_mm.datasets.converters`; ``'none'`` for a set that is
            described but cannot be converted yet.
        parameters: Arguments of the format's reader.
        prompt: Disease or cell words that fill the prompts of its records.
        tasks: Tasks that its records may be used for.
        title: Name as published.
        disease: Disease of the patients.
        stain: Stain of the smears.
        magnification: Magnification of the objective.
        address: Where the data are published.
        version: Version or commit the entry was written for.
        licence: Licence of the data.
        citation: How to cite them.
        attributes: Name of the shipped attribute set that its attributes belong to; empty where it has none.
        expected: Counts of a full conversion, or of the set as published; ``None`` where they are unknown.
        layout: What lies below the source folder.
        paper_rows: Task -> names of the set in the lists of the Uni-Hema paper and its code; empty for sets
            that are not in them.
        shares_images_with: Other sets with some of the same images in other splits, so that a test on one
            after training on the other tells little; they name this set too.
        notes: Known quirks.
    """

    name: str
    classes: dict[str, str]
    converter: str
    parameters: dict
    prompt: str
    tasks: list[str]
    title: str = UNKNOWN
    disease: str = UNKNOWN
    stain: str = UNKNOWN
    magnification: str = UNKNOWN
    address: str = UNKNOWN
    version: str = UNKNOWN
    licence: str = UNKNOWN
    citation: str = UNKNOWN
    attributes: str = ''
    expected: ExpectedCounts | None = None
    layout: str = UNKNOWN
    paper_rows: dict[str, list[str]] = field(default_factory=dict)
    shares_images_with: list[str] = field(default_factory=list)
    notes: str = ''

    @property
    def has_converter(self) -> bool:
        """Whether ``convert`` can read the set."""
        return self.converter != NO_CONVERTER

    @property
    def category_names(self) -> list[str]:
        """Class names after the map, each once, in the order of the map."""
        return list(dict.fromkeys(self.classes.values()))

    @property
    def attribute_values(self) -> AttributeValues:
        """Attribute name -> its values; empty where the set has no attributes."""
        return load_attribute_values(self.attributes) if self.attributes else {}
