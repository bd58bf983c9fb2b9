"""Classes and attributes of cells as numbers."""

from collections.abc import Mapping, Sequence

from unihema_mm.structures.attributes import MISSING, AttributeSchema
from unihema_mm.utils.palette import colour_blind_palette

from ..label_space import as_class_names, make_label_space

FILE = 'file'


class CellLabelsMixin:
    """The label space of classes and the schema of attributes, before :class:`SmearRecordsMixin`.

    ``metainfo`` gets ``classes``, ``palette`` and, where there is a schema, ``attributes`` (name -> values).
    Each record gets ``annotated``, the labels that the file annotates, where the label space holds more: what
    the others are is unknown there, not absent.

    Args:
        classes: Label space shared by several sets, by default the classes of the file.
        attributes: Schema of attributes as :meth:`AttributeSchema.build` takes it; ``'file'`` for
            ``info.attributes`` of the file, none where it has none; ``None`` to read no attributes.
        metainfo: ``metainfo['classes']`` is not needed; if given, it must equal the names in the file.
        **kwargs: Arguments of the next class.

    Attributes:
        cat2label: Category id of the file -> label.
        attribute_schema (AttributeSchema, optional): The schema.
    """

    def __init__(
        self,
        *args,
        classes: Sequence[str] | None = None,
        attributes: str | Mapping | Sequence | None = FILE,
        metainfo: dict | None = None,
        **kwargs,
    ) -> None:
        self.shared_classes = None if classes is None else as_class_names(classes, 'classes')
        self.declared_classes = None
        if metainfo and 'classes' in metainfo:
            self.declared_classes = as_class_names(metainfo['classes'], 'metainfo.classes')
        self._attributes = attributes
        self.attribute_schema: AttributeSchema | None = None
        super().__init__(*args, metainfo=metainfo, **kwargs)

    def _set_up(self, document: dict, info: dict) -> None:
        super()._set_up(document, info)
        self._metainfo['classes'], self.cat2label = make_label_space(
            document['categories'], self.ann_file, self.declared_classes, self.shared_classes
        )
        self._metainfo.setdefault('palette', colour_blind_palette(len(self._metainfo['classes'])))
        self.attribute_schema = self._make_schema(info)
        if self.attribute_schema is not None:
            self._metainfo['attributes'] = self.attribute_schema.attributes

    def _common(self, image: dict) -> dict:
        record = super()._common(image)
        if len(self.cat2label) < len(self._metainfo['classes']):
            record['annotated'] = tuple(sorted(self.cat2label.values()))
        return record

    def _encode_attributes(self, values: object, where: str) -> list[int]:
        """Labels of the attributes of one cell, -1 where not annotated; an empty list without a schema."""
        if self.attribute_schema is None:
            return []
        if not values:
            return [MISSING] * len(self.attribute_schema)
        if not isinstance(values, dict):
            mend = 'write an object of attribute name and value'
            raise self._error(where, 'attributes', f'is {values!r}', mend)
        return self.attribute_schema.encode(values, f'{self.ann_file}: {where}').tolist()

    def _make_schema(self, info: dict) -> AttributeSchema | None:
        if self._attributes == FILE:
            declared = info.get('attributes')
            return AttributeSchema(declared, f'{self.ann_file}: info.attributes') if declared else None
        return None if self._attributes is None else AttributeSchema.build(self._attributes)
