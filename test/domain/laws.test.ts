import { Allowance, AllowanceCommand, AllowanceEvent } from "../../src/domain/Allowance.ts"
import { Backend, BackendCommand, BackendEvent, Backoff } from "../../src/domain/Backend.ts"
import { Chat, ChatCommand, ChatEvent } from "../../src/domain/Chat.ts"
import { Gateway, GatewayCommand, GatewayEvent } from "../../src/domain/Gateway.ts"
import { Member, MemberCommand, MemberEvent } from "../../src/domain/Member.ts"
import { Plan, PlanCommand, PlanEvent } from "../../src/domain/Plan.ts"
import { Prefix, PrefixCommand, PrefixEvent } from "../../src/domain/Prefix.ts"
import { Presence, PresenceCommand, PresenceEvent } from "../../src/domain/Presence.ts"
import { Project, ProjectCommand, ProjectEvent } from "../../src/domain/Project.ts"
import { Task, TaskCommand, TaskEvent, TaskFacts } from "../../src/domain/Task.ts"
import { Tree, TreeCommand, TreeEvent } from "../../src/domain/Tree.ts"
import { laws } from "./laws.ts"

laws(Project, ProjectEvent, ProjectCommand)
laws(Prefix, PrefixEvent, PrefixCommand)
laws(Plan, PlanEvent, PlanCommand)
laws(Task, TaskEvent, TaskCommand, TaskFacts)
laws(Member, MemberEvent, MemberCommand)
laws(Presence, PresenceEvent, PresenceCommand)
laws(Chat, ChatEvent, ChatCommand)
laws(Backend, BackendEvent, BackendCommand, Backoff)
laws(Gateway, GatewayEvent, GatewayCommand)
laws(Tree, TreeEvent, TreeCommand)
laws(Allowance, AllowanceEvent, AllowanceCommand)
