"""The model types that a ``.model`` card may name."""

from netlearn.circuit.devices import bjt, diode, jfet, mosfet, switch
from netlearn.circuit.devices.model_type import ModelType

MODEL_TYPES: dict[str, ModelType] = {
    **diode.MODELS,
    **switch.MODELS,
    **bjt.MODELS,
    **jfet.MODELS,
    **mosfet.MODELS,
}

__all__ = ["MODEL_TYPES", "ModelType"]
