"""How identifiable is what would leave: quasi-identifiers, k, rare subjects, generalisation.

:func:`measure` says how many subjects share each combination of quasi-identifiers, and who is rare; :func:`generalise`
makes columns coarser until enough share each, and measures again. Neither makes data anonymous: they inform the
data-protection officer, who judges the remaining risk (Article 29 Working Party, opinion 05/2014, on k-anonymity).
"""

from collecte.disclosure.generalise import Generalised, Step, generalise
from collecte.disclosure.measure import Risk, measure

__all__ = ["Generalised", "Risk", "Step", "generalise", "measure"]
