import java.time.Duration;
import java.util.*;
import java.util.stream.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

/** Admin, idempotent producer, group, transactions. Exits with 1 and the reason at the first surprise. */
public class Plain {
    static final int COUNT = 1000;
    static String brokers;
    static final String RUN = UUID.randomUUID().toString().substring(0, 8);

    public static void main(String[] args) throws Exception {
        brokers = args[0];
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", brokers))) {
            everyCodecIsReadBack(admin);
            twoMembersShare(admin);
            onlyWhatIsCommittedIsRead(admin);
            offsetsGoWithTheTransaction(admin);
            aSuccessorFences(admin);
            administration(admin);
        }
    }

    static void everyCodecIsReadBack(Admin admin) throws Exception {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            String topic = topic(admin, "codec-" + codec, 4);
            try (var producer = producer(Map.of("compression.type", codec, "linger.ms", 5))) {
                for (int i = 0; i < COUNT; i++) producer.send(record(topic, i));
            }
            try (var consumer = consumer("codec-" + codec, Map.of())) {
                consumer.subscribe(List.of(topic));
                expect(codec, range(0, COUNT), read(consumer, COUNT));
            }
        }
    }

    static void twoMembersShare(Admin admin) throws Exception {
        String topic = topic(admin, "shared", 4);
        try (var first = consumer("shared", Map.of()); var second = consumer("shared", Map.of())) {
            first.subscribe(List.of(topic));
            second.subscribe(List.of(topic));
            long until = System.currentTimeMillis() + 20_000;
            while (first.assignment().size() != 2 || second.assignment().size() != 2) {
                check(System.currentTimeMillis() < until, "two members of a group do not share");
                first.poll(Duration.ofMillis(50));
                second.poll(Duration.ofMillis(50));
            }
        }
    }

    static void onlyWhatIsCommittedIsRead(Admin admin) throws Exception {
        String topic = topic(admin, "transactions", 2);
        try (var producer = producer(Map.of("transactional.id", "plain-" + RUN))) {
            producer.initTransactions();
            for (int round = 0; round < 10; round++) {
                producer.beginTransaction();
                for (int i = 0; i < 100; i++) producer.send(record(topic, round * 100 + i));
                producer.flush();
                if (round % 2 == 0) producer.commitTransaction(); else producer.abortTransaction();
            }
        }
        List<Integer> committed = range(0, COUNT).stream().filter(i -> i / 100 % 2 == 0).toList();
        try (var consumer = consumer("committed", Map.of("isolation.level", "read_committed"))) {
            consumer.subscribe(List.of(topic));
            expect("read committed", committed, read(consumer, committed.size()));
        }
        try (var consumer = consumer("uncommitted", Map.of())) {
            consumer.subscribe(List.of(topic));
            expect("read uncommitted", range(0, COUNT), read(consumer, COUNT));
        }
    }

    static void offsetsGoWithTheTransaction(Admin admin) throws Exception {
        String topic = topic(admin, "offsets", 1);
        var partition = new TopicPartition(topic, 0);
        try (var producer = producer(Map.of("transactional.id", "offsets-" + RUN));
                var consumer = consumer("offsets", Map.of())) {
            producer.initTransactions();
            consumer.subscribe(List.of(topic));
            while (consumer.assignment().isEmpty()) consumer.poll(Duration.ofMillis(100));
            for (boolean commits : new boolean[] {false, true}) {
                producer.beginTransaction();
                var offsets = Map.of(partition, new OffsetAndMetadata(commits ? 7 : 5, "why"));
                producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                if (commits) producer.commitTransaction(); else producer.abortTransaction();
                var found = consumer.committed(Set.of(partition)).get(partition);
                if (commits) check(found.offset() == 7 && found.metadata().equals("why"), "committed " + found);
                else check(found == null, "an aborted transaction left the offset " + found);
            }
        }
    }

    static void aSuccessorFences(Admin admin) throws Exception {
        String topic = topic(admin, "fenced", 1);
        var settings = Map.<String, Object>of("transactional.id", "fenced-" + RUN);
        try (var old = producer(settings); var successor = producer(settings)) {
            old.initTransactions();
            old.beginTransaction();
            old.send(record(topic, 1)).get();
            successor.initTransactions();
            try {
                old.commitTransaction();
                check(false, "a fenced producer could commit");
            } catch (ProducerFencedException | InvalidProducerEpochException fenced) {
                // As it is to be.
            }
        }
    }

    static void administration(Admin admin) throws Exception {
        String topic = topic(admin, "administered", 2);
        try (var producer = producer(Map.of())) {
            for (int i = 0; i < 100; i++) producer.send(new ProducerRecord<>(topic, 0, null, "v" + i)).get();
        }
        var partition = new TopicPartition(topic, 0);
        var end = admin.listOffsets(Map.of(partition, OffsetSpec.latest())).partitionResult(partition).get();
        check(end.offset() == 100, "end offset " + end.offset());
        admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(40))).all().get();
        var begin = admin.listOffsets(Map.of(partition, OffsetSpec.earliest())).partitionResult(partition).get();
        check(begin.offset() == 40, "first offset after a deletion " + begin.offset());
        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
        var described = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        check(described.partitions().size() == 5, "partitions " + described.partitions().size());
        var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        var change = new AlterConfigOp(new ConfigEntry("retention.ms", "12345"), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(resource, List.of(change))).all().get();
        var config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
        check(config.get("retention.ms").value().equals("12345"), "retention.ms " + config.get("retention.ms"));
        check(admin.describeCluster().nodes().get().size() == 1, "nodes of the cluster");
        var groups = List.of(RUN + "-shared");
        check(admin.describeConsumerGroups(groups).all().get().containsKey(groups.get(0)), "the group is not described");
        admin.deleteConsumerGroups(groups).all().get();
        admin.listTransactions().all().get();
        admin.deleteTopics(List.of(topic)).all().get();
        check(!admin.listTopics().names().get().contains(topic), "a deleted topic is listed");
    }

    static String topic(Admin admin, String name, int partitions) throws Exception {
        String topic = RUN + "-" + name;
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
        return topic;
    }

    static ProducerRecord<String, String> record(String topic, int number) {
        return new ProducerRecord<>(topic, "key-" + number % 50, String.valueOf(number));
    }

    static KafkaProducer<String, String> producer(Map<String, Object> more) {
        var settings = new HashMap<String, Object>(more);
        settings.put("bootstrap.servers", brokers);
        return new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer());
    }

    static KafkaConsumer<String, String> consumer(String group, Map<String, Object> more) {
        var settings = new HashMap<String, Object>(more);
        settings.put("bootstrap.servers", brokers);
        settings.put("group.id", RUN + "-" + group);
        settings.put("auto.offset.reset", "earliest");
        return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    static List<Integer> read(KafkaConsumer<String, String> consumer, int count) {
        var all = new ArrayList<Integer>();
        long until = System.currentTimeMillis() + 20_000;
        while (all.size() < count && System.currentTimeMillis() < until) {
            consumer.poll(Duration.ofMillis(100)).forEach(record -> all.add(Integer.valueOf(record.value())));
        }
        // What is too much comes soon after.
        consumer.poll(Duration.ofMillis(200)).forEach(record -> all.add(Integer.valueOf(record.value())));
        return all;
    }

    static List<Integer> range(int from, int to) {
        return IntStream.range(from, to).boxed().toList();
    }

    static void expect(String what, List<Integer> wanted, List<Integer> found) {
        var sorted = found.stream().sorted().toList();
        check(sorted.equals(wanted), what + ": wanted " + wanted.size() + " records, found " + found.size());
    }

    static void check(boolean holds, String otherwise) {
        if (!holds) {
            System.err.println("Plain.java: " + otherwise);
            System.exit(1);
        }
    }
}
