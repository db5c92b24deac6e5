"""The model types that a ``.model`` card may name."""

from collections.abc import Mapping
from dataclasses import replace

from netlearn.circuit.devices import bjt, diode, jfet, jfet2, mosfet, mosfet2, mosfet3, mosfet6, switch, vdmos
from netlearn.circuit.devices.model_type import ModelType


def _leveled(
    first: Mapping[str, ModelType], *others: Mapping[str, ModelType], missing: Mapping[int, str] | None = None
) -> dict[str, ModelType]:
    """The types of ``first``, which turn into those of ``others`` at their levels."""
    return {
        name: replace(kind, levels={other[name].level: other[name] for other in others}, missing_levels=missing or {})
        for name, kind in first.items()
    }


_MOSFETS = {
    **dict.fromkeys((8, 49), "BSIM3"),
    **dict.fromkeys((14, 54), "BSIM4"),
    **dict.fromkeys((10, 58), "BSIM4 SOI"),
    **dict.fromkeys((55, 56, 57), "BSIM3 SOI"),
    **dict.fromkeys((62, 73), "HiSIM HV"),
    **{4: "BSIM1", 5: "BSIM2", 9: "MOS9", 44: "EKV", 45: "PSP", 60: "STAG SOI", 68: "HiSIM2"},
}
_BIPOLAR = {**dict.fromkeys((4, 9), "VBIC"), 6: "MEXTRAM", **dict.fromkeys((7, 8), "HICUM")}

MODEL_TYPES: dict[str, ModelType] = {
    **diode.MODELS,
    **switch.MODELS,
    # Level 2 was one with a substrate, which level 1 has by now.
    **{name: replace(kind, levels={2: kind}, missing_levels=_BIPOLAR) for name, kind in bjt.MODELS.items()},
    **_leveled(jfet.MODELS, jfet2.MODELS),
    **_leveled(mosfet.MODELS, mosfet2.MODELS, mosfet3.MODELS, mosfet6.MODELS, missing=_MOSFETS),
    **vdmos.MODELS,
}


def types_of(device: str) -> list[ModelType]:
    """The types whose elements become a device of that name, which differ in polarity at most."""
    every = (each for kind in MODEL_TYPES.values() for each in (kind, *kind.variants.values()))
    return [kind for each in every for kind in each.family if device in kind.devices]


__all__ = ["MODEL_TYPES", "ModelType", "types_of"]
