"""The real toolkit's handler service for a server of several models, as SageMaker's framework containers have one: it
adds that modules can be imported from the package's ``code`` directory.

The toolkit itself sets PYTHONPATH for that, which a process that runs already does not heed.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from sagemaker_inference.default_handler_service import DefaultHandlerService


class HandlerService(DefaultHandlerService):  # type: ignore[misc]
    """multi-model-server wants exactly one class in the module, with ``initialize`` and ``handle``."""

    def initialize(self, context: Any) -> None:
        """Load the package from its directory."""
        sys.path.insert(0, os.path.join(context.system_properties["model_dir"], "code"))
        super().initialize(context)
