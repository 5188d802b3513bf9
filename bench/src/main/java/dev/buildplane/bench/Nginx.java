package dev.buildplane.bench;

import dev.buildplane.http.LoopbackPorts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// nginx as a plain TLS reverse proxy with kept-alive TLS connections to what it fronts, as the current user on loopback.
final class Nginx {
  static final Path PROGRAM = Path.of("/usr/sbin/nginx");
  static final int WORKERS = 2;

  private Nginx() {}

  static void requireInstalled() throws IOException {
    if (!Files.isExecutable(PROGRAM)) {
      throw new IOException(
          "expected " + PROGRAM + ", found none; install it (Debian: apt-get install nginx-light)");
    }
  }

  /// A running proxy.
  ///
  /// @param http1 port for HTTP/1.1
  /// @param http2 port for HTTP/2
  record Proxy(Child process, int http1, int http2) {}

  static Proxy start(String name, Path folder, Certificates certificates, int upstream)
      throws IOException {
    requireInstalled();
    var prefix = Files.createDirectories(folder.resolve(name));
    var http1 = LoopbackPorts.free();
    var http2 = LoopbackPorts.free();
    var configuration = Files.writeString(
        prefix.resolve("nginx.conf"), configuration(certificates, upstream, http1, http2));
    var process = Child.start(
        name,
        folder,
        List.of(
            PROGRAM.toString(),
            "-p",
            prefix.toString(),
            "-c",
            configuration.toString(),
            "-e",
            prefix.resolve("error.log").toString()));
    return new Proxy(process, http1, http2);
  }

  private static String configuration(
      Certificates certificates, int upstream, int http1, int http2) {
    return """
        daemon off;
        worker_processes %d;
        worker_rlimit_nofile 16384;
        pid nginx.pid;
        error_log error.log warn;
        events { worker_connections 8192; }
        http {
          access_log off;
          client_body_temp_path body;
          proxy_temp_path proxy;
          fastcgi_temp_path fastcgi;
          uwsgi_temp_path uwsgi;
          scgi_temp_path scgi;
          keepalive_requests 100000000;
          keepalive_timeout 600s;
          client_max_body_size 0;
          upstream target { server 127.0.0.1:%d; keepalive 1024; keepalive_requests 100000000; }
          server {
            listen 127.0.0.1:%d ssl backlog=4096;
            listen 127.0.0.1:%d ssl http2 backlog=4096;
            http2_max_concurrent_streams 256;
            ssl_certificate %s;
            ssl_certificate_key %s;
            ssl_protocols TLSv1.3;
            location / {
              proxy_pass https://target;
              proxy_http_version 1.1;
              proxy_set_header Connection "";
              proxy_buffering off;
              proxy_request_buffering off;
              proxy_read_timeout 600s;
              proxy_ssl_protocols TLSv1.3;
              proxy_ssl_verify on;
              proxy_ssl_name localhost;
              proxy_ssl_trusted_certificate %s;
            }
          }
        }
        """.formatted(
            WORKERS,
            upstream,
            http1,
            http2,
            certificates.certificateFile("server"),
            certificates.keyFile("server"),
            certificates.certificateFile("server-ca"));
  }
}
