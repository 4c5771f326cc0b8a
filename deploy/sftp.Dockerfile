# An OpenSSH server that speaks SFTP alone, a folder for each centre: stands for the hospitals' servers.
FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends openssh-server && rm -rf /var/lib/apt/lists/* \
    && install -d /run/sshd /etc/ssh/authorized \
    && for centre in arvel corvane; do \
           useradd --no-create-home --home-dir /depot --shell /usr/sbin/nologin "$centre" \
           && usermod --password '*' "$centre" \
           && install -d "/srv/$centre" && install -d -o "$centre" "/srv/$centre/depot"; \
       done
COPY sshd_config /etc/ssh/sshd_config
EXPOSE 22
# Secrets are mounted with the host's owner and mode, which sshd refuses: it gets copies of its own.
CMD ["sh", "-c", "install -m 600 /run/secrets/sftp_host_key /etc/ssh/host_key && for centre in arvel corvane; do install -m 644 /run/secrets/sftp_client_key.pub /etc/ssh/authorized/$centre; done && exec /usr/sbin/sshd -D -e"]
