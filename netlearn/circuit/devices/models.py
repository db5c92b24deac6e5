"""The model types that a ``.model`` card may name."""

from collections.abc import Mapping
from dataclasses import replace

from netlearn.circuit.devices import bjt, diode, jfet, jfet2, mosfet, mosfet2, mosfet3, mosfet6, switch, vdmos
from netlearn.circuit.devices.model_type import ModelType


def _leveled(first: Mapping[str, ModelType], *others: Mapping[str, ModelType]) -> dict[str, ModelType]:
    """The types of ``first``, which turn into those of ``others`` at their levels."""
    return {
        name: replace(kind, levels={other[name].level: other[name] for other in others}) for name, kind in first.items()
    }


MODEL_TYPES: dict[str, ModelType] = {
    **diode.MODELS,
    **switch.MODELS,
    **bjt.MODELS,
    **_leveled(jfet.MODELS, jfet2.MODELS),
    **_leveled(mosfet.MODELS, mosfet2.MODELS, mosfet3.MODELS, mosfet6.MODELS),
    **vdmos.MODELS,
}

__all__ = ["MODEL_TYPES", "ModelType"]
