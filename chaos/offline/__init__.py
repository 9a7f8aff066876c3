"""Handlers tested before they are deployed: function by function, as a pipeline, beside the script before them, and in
a graph of pipelines. What is here runs nothing of a user's in this process; `chaos.workbench` has the commands."""
