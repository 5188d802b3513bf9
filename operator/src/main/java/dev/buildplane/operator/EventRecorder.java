package dev.buildplane.operator;

import dev.buildplane.model.Api;
import dev.buildplane.plan.Announcement;
import io.fabric8.kubernetes.api.model.EventBuilder;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.net.HttpURLConnection;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Records Kubernetes Events. The same thing said again of the same resource counts up the one Event there is, so a resource
/// has as many Events as it has had different things to tell. An Event that cannot be written is logged and lost: it never
/// holds up the work it tells of.
final class EventRecorder {
  /// Characters of an Event's message that Kubernetes accepts.
  static final int MESSAGE_CHARS = 1_024;

  /// Characters of a resource name kept in the name of an Event, so that both fit into 253.
  private static final int NAME_CHARS = 230;

  private static final Logger LOG = LoggerFactory.getLogger(EventRecorder.class);

  private final KubernetesClient hubClient;
  private final InstantSource clock;

  EventRecorder(KubernetesClient hubClient, InstantSource clock) {
    this.hubClient = hubClient;
    this.clock = clock;
  }

  void record(HasMetadata about, Announcement told) {
    var own = about.getMetadata().getNamespace();
    var namespace = own == null ? "default" : own;
    var name = name(about, told);
    try {
      var events = hubClient.v1().events().inNamespace(namespace);
      var before = events.withName(name).get();
      if (before == null) {
        create(about, told, namespace, name);
      } else {
        int count = before.getCount() == null ? 1 : before.getCount();
        events
            .withName(name)
            .edit(event -> new EventBuilder(event)
                .withCount(count + 1)
                .withLastTimestamp(now())
                .build());
      }
    } catch (KubernetesClientException e) {
      if (e.getCode() != HttpURLConnection.HTTP_CONFLICT) {
        LOG.warn(
            "event {} of {} {} was not recorded: {}",
            told.reason(),
            about.getKind(),
            name,
            e.getMessage());
      }
    }
  }

  private void create(HasMetadata about, Announcement told, String namespace, String name) {
    var message = told.message();
    hubClient
        .v1()
        .events()
        .inNamespace(namespace)
        .resource(new EventBuilder()
            .withNewMetadata()
            .withName(name)
            .withNamespace(namespace)
            .endMetadata()
            .withNewInvolvedObject()
            .withApiVersion(about.getApiVersion())
            .withKind(about.getKind())
            .withName(about.getMetadata().getName())
            .withNamespace(about.getMetadata().getNamespace())
            .withUid(about.getMetadata().getUid())
            .endInvolvedObject()
            .withType(told.type().text())
            .withReason(told.reason())
            .withMessage(
                message.length() <= MESSAGE_CHARS ? message : message.substring(0, MESSAGE_CHARS))
            .withCount(1)
            .withFirstTimestamp(now())
            .withLastTimestamp(now())
            .withNewSource()
            .withComponent(Api.FIELD_MANAGER)
            .endSource()
            .withReportingComponent(Api.FIELD_MANAGER)
            .build())
        .create();
  }

  private String now() {
    return clock.instant().truncatedTo(ChronoUnit.SECONDS).toString();
  }

  private static String name(HasMetadata about, Announcement told) {
    var name = about.getMetadata().getName();
    int hash =
        Objects.hash(about.getMetadata().getUid(), told.type(), told.reason(), told.message());
    return name.substring(0, Math.min(NAME_CHARS, name.length())) + "." + Integer.toHexString(hash);
  }
}
