#include "node/script/script.h"

#include "common/alloc.h"
#include "node/persist/loader.h"
#include "node/script/functions.h"
#include "node/script/ldb.h"
#include "node/script/library.h"
#include "node/script/script_room.h"

struct script *script_new(struct node_world *w)
{
    struct script *s = xcalloc(1, sizeof *s);

    s->world = w;
    w->script = s;
    chance_reset(s);
    eval_start(s);
    functions_start(s);
    functions_keep(s);
    return s;
}

void script_free(struct script *s)
{
    if (!s)
        return;
    loader_set_libraries(&(struct loader_libraries){ 0 });
    eval_stop(s);
    functions_stop(s);
    ldb_free(s);
    xfree(s->argv);
    buf_fini(&s->numbers);
    buf_fini(&s->flat);
    buf_fini(&s->text);
    out_fini(&s->replies);
    out_fini(&s->result);
    s->world->script = NULL;
    xfree(s);
}

void script_measure(const struct script *s, struct script_memory *out)
{
    *out = (struct script_memory){ .eval_vm = s->eval.bytes,
                                   .function_vm = s->functions.bytes,
                                   .scripts = s->cache_bytes,
                                   .functions = s->libraries->bytes + sizeof *s->libraries,
                                   .script_count = s->cache.count,
                                   .function_count = s->libraries->functions.count,
                                   .library_count = s->libraries->by_name.count };
}

static void write_memory(struct node_world *w, struct buf *out)
{
    struct script_memory m;
    char human[32];

    script_measure(w->script, &m);
    info_human(human, m.eval_vm);
    info_line(out, "used_memory_lua", "%llu", (unsigned long long)m.eval_vm);
    info_line(out, "used_memory_vm_eval", "%llu", (unsigned long long)m.eval_vm);
    info_line(out, "used_memory_lua_human", "%s", human);
    info_line(out, "used_memory_scripts_eval", "%llu", (unsigned long long)m.scripts);
    info_line(out, "number_of_cached_scripts", "%llu", (unsigned long long)m.script_count);
    info_line(out, "number_of_functions", "%llu", (unsigned long long)m.function_count);
    info_line(out, "number_of_libraries", "%llu", (unsigned long long)m.library_count);
    info_line(out, "used_memory_vm_functions", "%llu", (unsigned long long)m.function_vm);
    info_bytes(out, "used_memory_vm_total", m.eval_vm + m.function_vm);
    info_line(out, "used_memory_functions", "%llu", (unsigned long long)m.functions);
    info_bytes(out, "used_memory_scripts", m.scripts + m.functions);
}

static void write_stats(struct node_world *w, struct buf *out)
{
    info_line(out, "evicted_scripts", "%llu", (unsigned long long)w->script->evicted);
}

const struct info_part script_info_parts[] = {
    { INFO_MEMORY, 150, write_memory },
    { INFO_STATS, 1000, write_stats },
    { 0 },
};
