"""Field arithmetic of the verifier and the prover's messages."""

from zk.field.extension import Ext, one, zero
from zk.field.koalabear import P, root_of_unity

__all__ = ["Ext", "P", "one", "root_of_unity", "zero"]
