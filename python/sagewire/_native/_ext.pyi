"""The extension module, capability by capability. Checked against the built module by stubtest."""
