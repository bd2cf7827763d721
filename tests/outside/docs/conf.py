project = "grouped-query"
extensions = ["myst_parser", "mhadoc.sphinxext"]
mhadoc_specs = ["grouped_query_spec:SPEC"]
