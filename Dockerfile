# Runs the main job on a bare machine:
#   docker build -t pulsefront .
#   docker run --rm -v "$PWD/out:/out" pulsefront run timing_lyso_pair --out /out/timing_lyso_pair
# Without a command it prints the help. The versions are those of constraints.txt.
FROM python:3.11-slim-bookworm

# hls4ml's C simulation and the C of exports are compiled with g++.
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /pulsefront
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
COPY sim_data sim_data
COPY firmware_export firmware_export
RUN pip install --no-cache-dir -c constraints.txt ".[all]"

RUN useradd --create-home user
USER user
WORKDIR /home/user
ENTRYPOINT ["pulsefront"]
CMD ["--help"]
