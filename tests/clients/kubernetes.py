"""Holds manifests to the schema that Kubernetes publishes, unknown keys refused.

Usage: .venv/bin/python tests/clients/kubernetes.py JOBS.yaml
Needs: pip install kubernetes-validate pyyaml
"""

import sys

try:
    import kubernetes_validate
    import yaml
except ImportError as missing:
    sys.exit(print(f"{missing.name} is not installed, skipped"))

documents = list(yaml.safe_load_all(open(sys.argv[1])))
for document in documents:
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
print(f"{len(documents)} manifests are valid by Kubernetes {kubernetes_validate.latest_version()}")
