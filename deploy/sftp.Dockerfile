# An OpenSSH server that speaks SFTP alone, a folder for each: stands for the hospitals' servers and for a host's.
FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends openssh-server && rm -rf /var/lib/apt/lists/* \
    && install -d /run/sshd /etc/ssh/authorized \
    && for place in arvel/depot corvane/depot host/challenge; do \
           user="${place%/*}" \
           && useradd --no-create-home --home-dir "/${place#*/}" --shell /usr/sbin/nologin "$user" \
           && usermod --password '*' "$user" \
           && install -d "/srv/$user" && install -d -o "$user" "/srv/$place"; \
       done
COPY sshd_config /etc/ssh/sshd_config
EXPOSE 22
# Secrets are mounted with the host's owner and mode, which sshd refuses: it gets copies of its own.
CMD ["sh", "-c", "install -m 600 /run/secrets/sftp_host_key /etc/ssh/host_key && for user in arvel corvane host; do install -m 644 /run/secrets/sftp_client_key.pub /etc/ssh/authorized/$user; done && exec /usr/sbin/sshd -D -e"]
